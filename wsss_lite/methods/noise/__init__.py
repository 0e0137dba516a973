"""Second stages that doubt their labels: train on what is sure, less on what is not."""
