from nascope._src.cli.entry import main

main()
