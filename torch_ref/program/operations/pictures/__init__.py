"""Operations on pictures: windows, pooling, and other sizes."""
