"""What tables say about width and depth."""
