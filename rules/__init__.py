"""What is judged: one module per AWS service, one function per rule."""
