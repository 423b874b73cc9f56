from nascope.cli import main

main()
