enum NormalizePlaceholder {}
