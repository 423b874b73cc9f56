"""Networks made of cells, by DARTS' scheme for CIFAR and with its parameter names."""
