"""Tools that a developer runs beside the code: one function watched, the costs, the newest Python."""
