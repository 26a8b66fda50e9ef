"""The translated template on an emulator of AWS that others keep: `make emulate`."""
