"""The demo: orders, their books, and the tables that it prints."""
