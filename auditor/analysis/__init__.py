"""What policies and networks mean: pure functions over what AWS returned, no AWS calls."""
