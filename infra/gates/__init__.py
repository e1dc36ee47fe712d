"""Rules for the templates, and the mutants that prove them."""
