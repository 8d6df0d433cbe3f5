"""What is exchanged: a document as fields under one digest, and sealed to one reader."""
