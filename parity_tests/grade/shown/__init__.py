"""What a student, a class and a course's systems see."""
