"""The web application: factory, access rules, problems, the JSON API."""
