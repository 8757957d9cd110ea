"""What one module promises, without a broker."""
