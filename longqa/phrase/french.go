package phrase

var french = Book{
	Language: "fr", open: "«", close: "»", and: " et ", comma: ", ",
	phrases: map[Key][]string{
		PassKeyPlant: {"Le mot de passe est %[1]s. Retenez-le : %[1]s est le mot de passe."},
		PassKey: {
			"Quel mot de passe le texte donné indique-t-il ?",
			"Un mot de passe se trouve quelque part dans le texte donné. Lequel ?",
		},
		PassKeyIs: {"Le mot de passe est %s.", "C'est %s."},
		Value: {
			"Quelle valeur le texte donne-t-il pour la clé %s ?",
			"Cherchez la clé %s dans le texte donné : quelle est sa valeur ?",
		},
		ValueIs:     {"La valeur de %s est %s.", "Pour %s, le texte donne %s."},
		NumberPlant: {"L'un des nombres magiques pour %s est %s."},
		Number: {
			"Quel est le nombre magique pour %s dans le texte donné ?",
			"Quel nombre magique le texte indique-t-il pour %s ?",
		},
		NumberIs: {"Le nombre magique pour %s est %s."},
		Numbers: {
			"Quels sont tous les nombres magiques pour %s dans le texte donné ? Citez-les dans l'ordre où ils " +
				"apparaissent.",
			"Le texte donné contient plusieurs nombres magiques pour %s. Énumérez-les tous, dans l'ordre.",
		},
		NumbersAre: {"Les nombres magiques pour %s sont %s."},
		NumberEach: {
			"Quels sont les nombres magiques pour %s dans le texte donné ?",
			"Trouvez les nombres magiques pour %s dans le texte donné.",
		},
		NumberPairs: {"Les nombres magiques sont : %s."},
		Variables: {
			"Dans le texte donné, les lignes qui commencent par VAR affectent des valeurs. Quelles variables " +
				"ont la valeur %s, directement ou par d'autres variables ? Citez-les dans l'ordre de leur " +
				"affectation.",
			"Suivez les lignes VAR du texte donné : énumérez, dans l'ordre, toutes les variables qui ont la " +
				"valeur %s.",
		},
		VariableAre: {"Les variables qui ont la valeur %s sont %s."},
		WordCount: {
			"Combien de fois le mot %s apparaît-il dans le texte donné, écrit exactement ainsi ?",
			"Comptez les occurrences du mot %s, sous cette graphie exacte, dans le texte donné.",
		},
		WordTimes: {"Le mot %s apparaît %d fois.", "%s apparaît %d fois dans le texte donné."},
		WordMost: {
			"Lequel des mots %s apparaît le plus souvent dans le texte donné, et combien de fois ?",
			"Parmi les mots %s, lequel est le plus fréquent dans le texte donné ? Dites combien de fois il " +
				"apparaît.",
		},
		WordWins: {"%s apparaît le plus souvent : %d fois.",
			"Le plus fréquent est %s, qui apparaît %d fois."},
		Section: {
			"Sous quel titre du texte donné se trouve cette phrase : %s",
			"Dans le texte donné, quel titre précède cette phrase : %s",
		},
		SectionIs: {"Elle se trouve sous %s.", "La phrase se trouve sous le titre %s."},
		Headings: {
			"Dans quel ordre les titres %s viennent-ils dans le texte donné ?",
			"Mettez les titres %s dans l'ordre où le texte donné les présente.",
		},
		Passages: {
			"Dans quel ordre ces passages viennent-ils dans le texte donné ?\n%s",
			"Mettez ces passages dans l'ordre où le texte donné les présente.\n%s",
		},
		InSequence: {"D'abord vient %s, puis %s, puis %s, et enfin %s."},
		Speaker: {
			"Qui dit ceci : %s",
			"Dans le texte donné, qui prononce ces mots : %s",
		},
		SpeakerIs:   {"C'est %s qui le dit.", "La personne qui parle est %s."},
		ReferenceNo: {"Quel numéro cet ouvrage porte-t-il dans la liste des références : %s"},
		ReferenceIs: {"C'est la référence numéro %d.", "L'ouvrage porte le numéro %d."},
		Work: {
			"Quel ouvrage porte le numéro %d dans la liste des références ?",
			"À quoi renvoie la citation [%d] ?",
		},
		WorkIs: {"Le numéro %d est %s."},
		Cited: {
			"Quel ouvrage cette phrase cite-t-elle : %s",
			"Dans le texte donné, quel ouvrage est cité dans cette phrase : %s",
		},
		Cell: {
			"Dans le tableau qui a une ligne %s et une colonne %s, que lit-on à cette ligne et à cette " +
				"colonne ?",
			"Cherchez la ligne %s et la colonne %s dans le tableau : quelle est l'entrée ?",
		},
		CellIs: {"L'entrée est %s.", "On y lit %s."},
		Origin: {
			"Dans lequel des documents donnés se trouve cette phrase : %s",
			"Lequel des documents donnés contient cette phrase : %s",
		},
		OriginIs: {"Elle se trouve dans %s.", "Le document est %s."},
		Absent: {
			"Le texte donné ne le dit pas : %s n'y apparaît pas.",
			"Le texte donné ne permet pas de répondre : %s n'y apparaît pas.",
		},
		AbsentNumber: {"Le texte donné ne le dit pas : sa liste de références n'a pas de numéro %d."},
	},
}
