"""What several pages share: templates, words, figures, galleries."""
