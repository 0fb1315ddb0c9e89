"""What the gateway answers, a type per thing: views are held to them, and the OpenAPI document is made of them."""
