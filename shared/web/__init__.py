"""What both HTTP services share: the app, its errors and its guard."""
