"""The translated template on an emulator of AWS that others maintain: `make emulate`."""
