"""What drives the application: decides blocks, makes them last, answers about them."""
