"""The proof that hostile files are refused in one line, and names shown as text; and the fuzzer."""
