"""What it takes to run on AWS: templates, and the scripts that build the package and write the generated parts."""
