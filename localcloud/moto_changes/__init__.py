"""What is changed in moto while a local cloud is up, beside the services that are replaced."""
