"""What moto's EC2 lacks, as subclasses of its responses and models of its own."""
