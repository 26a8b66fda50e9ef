"""`bivouac init`: where services come from, and the request that describes them."""
