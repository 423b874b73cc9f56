"""The public functions and objects, for scripts and notebooks. `nascope` lists their names."""
