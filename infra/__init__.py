"""Infrastructure as code, and the Python that runs, checks and shows it."""
