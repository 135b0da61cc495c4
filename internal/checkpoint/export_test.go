package checkpoint

// BudgetKeys tells tests where an account is.
var BudgetKeys = budgetKeys
