"""The paper as data: claims, exceptions, figures and tables, published numbers."""
