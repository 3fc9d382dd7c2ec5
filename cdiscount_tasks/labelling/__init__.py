"""The rules that turn products and images into groups, splits and labels: tables in, tables out."""
