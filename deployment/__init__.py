"""What `make deploy` and `make undeploy` do besides SAM."""
