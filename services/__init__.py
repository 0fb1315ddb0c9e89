"""The five services, and (in `services.embedded`) the program that runs them in one process."""
