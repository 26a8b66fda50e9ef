"""The events that Bivouac publishes."""
