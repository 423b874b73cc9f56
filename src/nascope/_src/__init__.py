"""The implementation of nascope. Only the names in ``nascope.__all__`` are public."""
