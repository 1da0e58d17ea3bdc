"""The process that runs a student's file, and what it and the grader say to each other."""
