"""The proof of the data sets: pictures, the drawn birds, and how they are changed."""
