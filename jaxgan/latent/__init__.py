"""Working with latents: truncation, interpolation."""
