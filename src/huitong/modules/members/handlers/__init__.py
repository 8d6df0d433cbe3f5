"""What the messages of the module check and write, a file for each kind of them."""
