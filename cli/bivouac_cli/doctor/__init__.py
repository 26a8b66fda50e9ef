"""`bivouac doctor`: each check asks AWS, and decides purely."""
