"""From JSON that someone wrote or pasted to the one form that planning works on."""
