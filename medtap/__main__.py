"""`python -m medtap`: the same as the `medtap` command."""

from medtap.cli.app import main

if __name__ == "__main__":
    main()
