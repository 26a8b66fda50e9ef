"""`bivouac doctor`: each check reads AWS, and decides purely."""
