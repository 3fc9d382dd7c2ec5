"""The rules that turn products and pictures into groups, splits and labels: tables in, tables out."""
