"""Chaos: the services as processes on real servers, harmed at random under load, judged by what clients heard."""
