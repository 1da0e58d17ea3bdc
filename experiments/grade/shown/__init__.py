"""What a student, a class and a course's systems get to see of a report."""
