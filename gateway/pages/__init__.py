"""The pages: routes, templates, live fragments, words in Vietnamese and English."""
