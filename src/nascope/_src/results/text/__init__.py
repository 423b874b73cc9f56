"""English sentences for findings. No other place makes sentences about results."""
