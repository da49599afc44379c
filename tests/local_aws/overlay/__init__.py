"""The overlay: operations and models of EC2 that moto lacks or simplifies too much."""
