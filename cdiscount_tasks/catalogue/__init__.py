"""The catalogue file's bytes: BSON documents, their pictures' byte ranges, damage, category names."""
