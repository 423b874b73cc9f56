from nascope._src.cli import main

main()
