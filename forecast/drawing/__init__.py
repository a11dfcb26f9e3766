"""Pictures: values in, a figure out."""
