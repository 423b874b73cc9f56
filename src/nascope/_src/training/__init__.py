"""Training a network of cells under the paper's recipe, and its checkpoints."""
