"""What analysts take out: rows of the graph, trends, offers and communities, and the files that they become."""
