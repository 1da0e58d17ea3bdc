"""The process that runs a student's file, and what it may not do."""
